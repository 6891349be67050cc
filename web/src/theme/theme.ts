import {
  createTheme,
  defaultVariantColorsResolver,
  localStorageColorSchemeManager,
  type CSSVariablesResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from '@mantine/core';

const accent: MantineColorsTuple = [
  '#e6edfb',
  '#cfdcf7',
  '#a9c0f0',
  '#8fb0fb',
  '#648fef',
  '#4d7df0',
  '#2f5fd0',
  '#2a55bb',
  '#2448a0',
  '#1c3a82',
];

// Buttons take their colours from the tokens, so that both themes hold the contrast the tokens promise.
const variants: VariantColorsResolver = (input) => {
  const { variant, color } = input;
  if (variant === 'filled') {
    const name = color === 'danger' ? 'danger' : 'accent';
    return {
      background: `var(--${name})`,
      hover: `var(--${name}-hover)`,
      color: `var(--on-${name})`,
      border: '1px solid transparent',
    };
  }
  if (variant === 'default') {
    const text = color === 'danger' ? 'var(--bad-text)' : 'var(--text)';
    return {
      background: 'var(--surface)',
      hover: 'var(--hover)',
      color: text,
      border: '1px solid var(--border-strong)',
    };
  }
  if (variant === 'subtle') {
    return {
      background: 'transparent',
      hover: 'var(--hover)',
      color: color === 'danger' ? 'var(--bad-text)' : 'var(--text-2)',
      border: '1px solid transparent',
    };
  }
  return defaultVariantColorsResolver(input);
};

export const theme = createTheme({
  fontFamily: 'var(--sans)',
  fontFamilyMonospace: 'var(--mono)',
  primaryColor: 'accent',
  colors: { accent, danger: accent },
  primaryShade: { light: 6, dark: 5 },
  variantColorResolver: variants,
  defaultRadius: 6,
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  components: {
    Button: { defaultProps: { size: 'sm' }, styles: { root: { fontWeight: 500 } } },
    Modal: {
      defaultProps: {
        centered: true,
        radius: 8,
        transitionProps: { duration: 120 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    },
    TextInput: { defaultProps: { size: 'sm' } },
    Menu: { defaultProps: { transitionProps: { duration: 80 }, radius: 8 } },
  },
});

const shared = {
  '--mantine-color-body': 'var(--surface)',
  '--mantine-color-text': 'var(--text)',
  '--mantine-color-dimmed': 'var(--text-2)',
  '--mantine-color-placeholder': 'var(--text-3)',
  '--mantine-color-error': 'var(--bad-text)',
  '--mantine-color-default': 'var(--surface)',
  '--mantine-color-default-hover': 'var(--hover)',
  '--mantine-color-default-color': 'var(--text)',
  '--mantine-color-default-border': 'var(--border-strong)',
  '--mantine-color-disabled': 'var(--sunken)',
  '--mantine-color-disabled-color': 'var(--text-3)',
  '--mantine-color-disabled-border': 'var(--border)',
  '--mantine-primary-color-filled': 'var(--accent)',
  '--mantine-primary-color-filled-hover': 'var(--accent-hover)',
  '--mantine-primary-color-contrast': 'var(--on-accent)',
};

// Mantine draws the edges and grounds of inputs with these two scales.
const light = {
  ...shared,
  '--mantine-color-gray-4': 'var(--border-strong)',
  '--mantine-color-gray-2': 'var(--border)',
};
const dark = {
  ...shared,
  '--mantine-color-dark-4': 'var(--border-strong)',
  '--mantine-color-dark-6': 'var(--surface)',
};

export const cssVariables: CSSVariablesResolver = () => ({ variables: {}, light, dark });
export const themeStore = localStorageColorSchemeManager({ key: 'cronium.theme' });
